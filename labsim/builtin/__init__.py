"""The labs that come with labsim, a folder each; the catalogue finds them by itself."""
