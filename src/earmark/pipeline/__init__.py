"""The two acts and what lives between them. Each file reads like its own story; only `engine` knows how they are kept
alive through crashes."""
