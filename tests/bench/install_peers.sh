#!/bin/sh
# usage: install_peers.sh FOLDER — the peers of `make bench`: Debian's OpenBLAS and oneDNN, and those of Python in a
# virtual environment at FOLDER, 7 GB, most of it the libraries for GPUs without which PyPI's PyTorch is not to be had.
set -eu
folder=$1
packages="libopenblas-dev libdnnl-dev python3-venv"
if [ "$(id -u)" -ne 0 ]; then
  echo "These are needed: sudo apt-get install $packages" >&2
else
  apt-get update -q
  # shellcheck disable=SC2086 # a list of names
  DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $packages
fi
[ -x "$folder/bin/python" ] || /usr/bin/python3 -m venv "$folder"
"$folder/bin/pip" install -q numpy onnx onnxruntime openvino jax torch
