"""Who is who: LDAP and Slack's user groups."""
