"""Settings that all tests share."""

import hypothesis

# These machines are noisy: how long one example takes is no finding.
hypothesis.settings.register_profile("labsim", deadline=None, print_blob=True)
hypothesis.settings.load_profile("labsim")
