SELECT '{{ ds }}' AS day, min(degrees) AS coldest FROM observations WHERE station = '{{ params.station }}'
