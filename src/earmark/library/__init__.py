"""What is on the shelf: placing a book with its sidecars, taking it back, and the room to make it in.

Entry points: `placement` (`plan_placement`, `plan_files`, `place`), `undo` (`acts_of`, `undo`, `sweep_orphans`),
`recycle.recycle_sweep`, `methods.probe_method`, `replacement.compare_existing`, `seedproof.require_untouched`,
`reorganise`, `space`, `sidecars`, `workspace`.
"""
