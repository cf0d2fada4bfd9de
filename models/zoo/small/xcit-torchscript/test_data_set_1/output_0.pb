
BoutputJ(| d>§u	?d(?ªl£?û×ñ¾dM?i;ÀŒS¸¾±µ>~RÝ¿