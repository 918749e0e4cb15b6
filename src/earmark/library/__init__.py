"""What is on the shelf: placing a book with its sidecars, taking it back, and the room to make it in.

Entry points: `placement.plan_placement` and `place`, `undo.undo` and `sweep_orphans`, `sidecars`, `workspace`.
"""
