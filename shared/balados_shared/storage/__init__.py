"""The record store's floor: it remembers and never judges; only this room speaks SQL, and no pure module imports it."""
