"""Those who know books: facts, chapters and covers by title or ASIN."""
