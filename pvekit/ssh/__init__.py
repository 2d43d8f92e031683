"""Reaching nodes and guests: the only package that speaks SSH, and it does so with paramiko.

Importing it is cheap: paramiko is loaded by the modules that need it when a connection is opened.
"""
