"""What each grant does of its own. Client authentication and the answer are the endpoint's."""
