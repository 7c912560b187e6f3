"""Keys and signatures: the policy of algorithms, the key ring, JWTs in and out."""
