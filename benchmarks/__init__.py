"""What the budgets of DESIGN.md section 9 ask, measured on real processes and sockets (docs/performance.md).

Law: a figure stands beside the machine's own limit, taken in the same run and in turns with it, because the machine is
shared and slow in its own way. Slowness is told, never failed; only what does not work fails.
"""
