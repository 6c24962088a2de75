# What holds a pod's namespaces while its containers come and go.
FROM scratch
COPY pause /pause
USER 65535:65535
ENTRYPOINT ["/pause"]
