"""Studies: runnable comparisons whose figures come with the settings, the versions and the machine."""
