// What it is made of; paths are relative to this file.
+incdir+inc
+define+SM_WIDTH=8
rtl/sm_divide.v
rtl/sm_top.v
