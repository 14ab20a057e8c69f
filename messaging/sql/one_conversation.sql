    SELECT * FROM messaging_conversation WHERE id = %s
