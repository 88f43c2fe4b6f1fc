"""Combination: several plug-ins become one."""
