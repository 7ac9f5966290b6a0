"""Functions of the standard library that programs about mail use: texts, numbers, dates, lists, files, dialogues."""
