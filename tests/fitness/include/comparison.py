"""Read by two Pythons of different age, so both have to understand it."""


def described(day, values):
    return {"day": day, "highest": max(values), "mean": sum(values) // len(values)}
