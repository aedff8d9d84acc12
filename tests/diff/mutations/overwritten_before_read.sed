# compiler/fuse_cost.c: an output may take the place of an input that is read elsewhere too
s/(access->guarded || !index_equal(access->position, stored))/access->guarded/
