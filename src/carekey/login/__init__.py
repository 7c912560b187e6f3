"""A log-in, from "who is it?" to "in which role?": a state machine with one dispatcher.

Its id is in the URL, so any number of tabs can each finish their own. Steps never send the browser to each
other; each returns to /login/{id}, where `policy.next_step` alone decides what comes next.
"""
