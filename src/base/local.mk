# The cellar: no Redis, no HTTP, no loop. Rooms, then their tests.
