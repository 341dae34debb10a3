"""What is wrong with a table's data before anything is trained: types, unreadable files, duplicates, shortcuts."""
