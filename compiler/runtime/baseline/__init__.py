"""The baseline part: the baseline commit, or its plain files, out of the archive."""
