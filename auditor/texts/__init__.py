"""Every sentence a reader sees: one catalogue, by language, with numbers written the reader's way."""
