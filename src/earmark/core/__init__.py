"""The rules, pure: what may happen to a ticket, which release fits a wish, what a name may look like on disk.

Nothing here reads a clock, a file, a socket or a setting; everything a rule needs comes in as an argument.
"""
