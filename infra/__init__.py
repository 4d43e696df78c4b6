"""The program: assembles the platform, then one tenant after another, and exports what others read."""
