"""The command line: a file for each command, or a folder where one needs several."""
