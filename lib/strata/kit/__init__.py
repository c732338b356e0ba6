"""What a feed is written with: tables declared, columns made, everything spatial."""
