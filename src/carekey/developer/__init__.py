"""What somebody who integrates an application needs: today, the demo people and a way in for each of them."""
