"""What each command does, from reading the site to the report; nothing here prints or prompts."""
