"""A world to run Earmark against: a stand-in for MyAnonamouse, a private BitTorrent tracker and a seeder.

It serves the demo, the tests and anybody who wants to try before trusting. It knows nothing of the house but its core,
listens on loopback only, and says on every answer that it is a stand-in.
"""
