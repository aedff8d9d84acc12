# compiler/vector_math.c: log 2 loses its low part
s/mul(m, e, real(m, low))/mul(m, e, real(m, 0))/
