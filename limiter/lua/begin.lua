begin()
