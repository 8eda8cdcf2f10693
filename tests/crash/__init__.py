"""Kills the daemon at random moments of the demo day. Run: python -m tests.crash --runs 50"""
