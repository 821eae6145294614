"""One module per AWS service, built on `labsim.engine`; each opens with what it models."""
