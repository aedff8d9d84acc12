# compiler/order.c: an update may take the place of a slot that is read elsewhere too
s/(access->guarded || !index_equal(access->position, stored))/access->guarded/
