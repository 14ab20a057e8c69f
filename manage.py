#!/usr/bin/env python
"""Callboard's commands: `manage.py help` lists them."""

from config.manage import main

if __name__ == "__main__":
    main()
