"""The HTTP edge that both programs share: HTTP types live here and go no further in (DESIGN.md section 8)."""
