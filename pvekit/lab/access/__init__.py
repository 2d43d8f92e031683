"""Who may do what on the site: users, groups, roles, tokens and permissions, as files hold them."""
