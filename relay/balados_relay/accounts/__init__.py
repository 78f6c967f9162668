"""Whose library it is: accounts, the codes that pair a device with one, and the tokens that prove it afterwards."""
