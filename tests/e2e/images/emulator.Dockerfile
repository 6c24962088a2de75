# The emulated vendors, as a pod.
FROM scratch
COPY vendor-emulator /vendor-emulator
USER 65532:65532
ENTRYPOINT ["/vendor-emulator"]
