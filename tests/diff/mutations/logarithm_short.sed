# compiler/vector_exponential.c: log 2 loses its low part
s/mul(m, z.e, real(m, log2_low(m)))/mul(m, z.e, real(m, 0))/
