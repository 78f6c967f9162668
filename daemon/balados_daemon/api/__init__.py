"""The localhost API: the documented routes, and under `/api/v1/device/` what only a device has."""
