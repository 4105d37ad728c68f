"""From a file or rows of a program to ranges of messages: read, checked, compared, priced."""
