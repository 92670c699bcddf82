"""The workbench: a local web app over the same jobs as the command line. Nothing is imported before it is used."""
