SELECT broadcast.status, broadcast.message_id,
       extract(epoch FROM broadcast.published_at - broadcast.created_at)::float AS seconds,
       extract(epoch FROM broadcast.published_at - (
           SELECT min(delivery.created_at) FROM messaging_delivery delivery WHERE delivery.message_id = broadcast.message_id
       ))::float AS worked
FROM broadcasts_broadcast broadcast WHERE broadcast.id = %s
