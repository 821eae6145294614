# %% [markdown]
# # A coffee bar
#
# *labsim {{version}}.* {{baristas}} and {{guest_rate}}; a coffee takes {{fact:coffee.brew_s}}.
# {{preset:2}}: a line of {{result:2:line_max}}.

# %%
import labsim

lab = labsim.lab("coffee-bar")

# %%
lab.fact_table()

# %%
import labsim

labsim.lab("coffee-bar").explore()

# %%
lab.run(lab.preset("2")).plot()

# %%
lab.trust()

# %%
from labsim.course import check, exercise, quiz

exercise("coffee-bar", 1)

# %% tags=["solution"]
# blank: answer = None    # in USD
# blank: check("coffee-bar", 1, answer)
# >>> solution
check("coffee-bar", 1, 160)
# <<< solution

# %%
quiz("coffee-bar")
