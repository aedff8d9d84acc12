# compiler/fuse.c: two groups are joined though values flow between them through a third
s/if (reaches(m, x, x, y)) return true;/if (m->search < 0) return true;/
